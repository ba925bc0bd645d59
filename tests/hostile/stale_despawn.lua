-- Despawns twice, and what is no entity.
-- expect: error

return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  tick = function(room)
    local box = room:spawn "box"
    local despawn = box.despawn
    despawn(box)
    pcall(despawn, nil) pcall(despawn, 5) pcall(despawn, {}) pcall(despawn, room)
    despawn(box)
  end,
}
