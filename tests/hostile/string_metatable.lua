-- Reaches for the metatable of all strings.
-- expect: error

return { tick = function() getmetatable("").__index = nil end }
