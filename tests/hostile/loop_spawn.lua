-- Spawns and despawns for ever.
-- expect: overrun

return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  tick = function(room) while true do room:spawn("box"):despawn() end end,
}
