-- __tostring that asks for itself.
-- expect: error or overrun

local t = setmetatable({}, { __tostring = function(t) return tostring(t) .. "x" end })
return { tick = function() return tostring(t) end }
