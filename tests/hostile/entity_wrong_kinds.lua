-- Fields of every wrong kind.
-- expect: error

local wrong = { "text", {}, function() end, true, 0 / 0, 1 / 0, -1 / 0, 1e300 }
return {
  entities = { box = { fields = { x = field.number(0, 1), on = field.flag(), turn = field.angle(), name = field.choice { "a", "b" } } } },
  open = function(room) room.memory.box = room:spawn "box" end,
  tick = function(room)
    local box, value = room.memory.box, wrong[room.tick % #wrong + 1]
    box.x, box.on, box.turn, box.name = value, value, value, value
  end,
}
