-- Numbers no wire can carry.
-- expect: harmless or error

return {
  entities = { box = { fields = { x = field.number(-10, 10, 1 / 8), turn = field.angle() } } },
  open = function(room) room.memory.box = room:spawn "box" end,
  tick = function(room)
    local box = room.memory.box
    box.x = ({ 1e308, -1e308, 2 ^ 53, 5e-324, -0.0 })[room.tick % 5 + 1]
    box.turn = box.x
  end,
}
