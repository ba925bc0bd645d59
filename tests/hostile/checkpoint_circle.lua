-- A memory that contains itself, by two ways.
-- expect: error

return { open = function(room) local a, b = {}, {} a.b, b.a = b, a room.memory.a, room.memory.b, room.memory.m = a, b, room.memory end }
