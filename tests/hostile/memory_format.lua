-- Through string.format.
-- expect: memory or overrun

local kept = {}
return { tick = function() for _ = 1, 4 do kept[#kept + 1] = string.format("%s%d", ("y"):rep(5e5), #kept) end end }
