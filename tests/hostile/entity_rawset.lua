-- Changes what the engine wrote into an entity.
-- expect: error

return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  tick = function(room)
    local box = room:spawn "box"
    for _, key in ipairs { "id", "class", "alive", "owner", "despawn", "velocity" } do rawset(box, key, box) end
    if room.tick % 10 == 0 then for other in room:each "box" do other.owner = nil end end
  end,
}
