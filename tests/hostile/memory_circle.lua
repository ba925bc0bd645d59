-- room.memory that contains itself, and everything that cannot be saved.
-- expect: harmless or error

return {
  join = function(room, player)
    local memory = room.memory
    memory.me, memory.room, memory.player, memory.f, memory.c = memory, room, player, print, coroutine.create(print)
    memory[memory], memory[print], player.memory.own = memory, 1, player.memory
  end,
  tick = function(room) room.memory.deep = { room.memory.deep } end,
}
