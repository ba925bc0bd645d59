-- A loop in __tostring, which C code asks for.
-- expect: overrun

return { tick = function() return tostring(setmetatable({}, { __tostring = function() while true do end end })) end }
