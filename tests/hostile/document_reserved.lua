-- The engine's own names in a document.
-- expect: harmless or error

return {
  join = function(room, player)
    player.state.name, player.state.kind, player.state.connected, player.state.state = "x", 5, "no", {}
    room.state.players, room.state["$delete"], room.state.__index = {}, {}, {}
    pcall(rawset, room, "state", 1) pcall(rawset, player, "memory", 2)
  end,
}
