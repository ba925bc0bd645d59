-- A document that contains itself, and others.
-- expect: error

return {
  open = function(room) room.state.me, room.state.list = room.state, { room.state } end,
  join = function(room, player) room.state.player, player.state.room, player.secret.all = player.state, room.state, room.state end,
}
