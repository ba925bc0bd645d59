-- More messages than a tick may hold.
-- expect: error or overrun; turned away

return { tick = function(room) for i = 1, 3000 do room:broadcast("flood", i) end end }
