-- Uses an entity that is gone.
-- expect: error

local kept
return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  open = function(room) kept = room:spawn "box" kept:despawn() end,
  tick = function() kept.x = 1 end,
}
