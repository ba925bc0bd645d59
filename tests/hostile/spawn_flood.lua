-- Spawns until the limit, each tick.
-- expect: error or overrun

return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  tick = function(room) for _ = 1, 300 do room:spawn "box" end end,
}
