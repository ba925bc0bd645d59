-- A number of a million digits.
-- expect: overrun

local s = ("9"):rep(1e6)
return { tick = function() while true do tonumber(s) tonumber(s, 36) end end }
