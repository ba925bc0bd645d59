-- Writes past the grave of an entity with rawset.
-- expect: harmless

local kept
return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  open = function(room) kept = room:spawn "box" kept:despawn() end,
  tick = function(room)
    rawset(kept, "x", "text") rawset(kept, "id", -1) rawset(kept, "alive", true) rawset(kept, "owner", kept)
    room.state.kept = kept
  end,
}
