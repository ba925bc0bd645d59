-- Messages whose names are megabytes: names lie outside the VM's memory.
-- expect: error or overrun

local name = ("n"):rep(1e6)
return { tick = function(room) for _ = 1, 200 do room:broadcast(name) end end }
