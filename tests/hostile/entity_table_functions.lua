-- table.* on entities, players and the room.
-- expect: error

return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  inputs = { fire = field.press() },
  input = function(room, player)
    local box = room:spawn "box"
    for _, target in ipairs { box, player, room, room.state, player.state } do
      pcall(table.insert, target, 1) pcall(table.insert, target, target) pcall(table.remove, target) pcall(table.sort, target)
      pcall(table.concat, target) pcall(unpack, target, 1, 100) pcall(table.maxn, target)
    end
    box:despawn()
    error "still here"
  end,
}
