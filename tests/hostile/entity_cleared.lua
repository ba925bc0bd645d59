-- Takes every field out of an entity.
-- expect: error

return {
  entities = { box = { fields = { x = field.number(0, 1) } }, dart = { fields = { x = field.number(0, 1), y = field.number(0, 1) }, moves = "linear" } },
  open = function(room) room:spawn "box" room:spawn "dart" end,
  tick = function(room)
    for _, class in ipairs { "box", "dart" } do
      for one in room:each(class) do for key in next, one do rawset(one, key, nil) end end
    end
  end,
}
