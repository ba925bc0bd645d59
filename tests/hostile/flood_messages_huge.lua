-- Sixty kilobytes again and again: whoever listens cannot keep up.
-- expect: error or overrun; turned away

local text = ("x"):rep(60000)
return { tick = function(room) for _ = 1, 100 do room:broadcast("flood", text) end end }
