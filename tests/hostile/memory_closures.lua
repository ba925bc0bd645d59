-- Closures with a table each.
-- expect: memory or overrun

local kept = {}
return { tick = function() for _ = 1, 20000 do local t = {} kept[#kept + 1] = function() return t end end end }
