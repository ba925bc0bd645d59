-- A memory that gets deeper with every tick.
-- expect: error or overrun

return { tick = function(room) for _ = 1, 100 do room.memory.deeper = { deeper = room.memory.deeper } end end }
