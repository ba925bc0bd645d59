-- A chain of __index that never ends.
-- expect: error

local t = setmetatable({}, { __index = function(t, k) return 1 + t[k + 1] end })
return { tick = function() return t[1] end }
