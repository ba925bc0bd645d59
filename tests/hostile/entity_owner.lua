-- Owners that are no players.
-- expect: error

return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  tick = function(room)
    pcall(room.spawn, room, "box", { owner = {} }) pcall(room.spawn, room, "box", { owner = room })
    local box = room:spawn "box"
    box.owner = box
  end,
}
