-- Two megabytes a tick, kept.
-- expect: memory or overrun

local kept = {}
return { tick = function(room) for i = 1, 4 do kept[#kept + 1] = ("x"):rep(5e5) .. room.tick .. i end end }
