-- A document of ten thousand values, all of which change.
-- expect: error

return { tick = function(room) for i = 1, 10000 do room.state[i] = room.tick end end }
