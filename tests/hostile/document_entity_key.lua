-- An entity as a key of a document.
-- expect: error

return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  open = function(room) room.state[room:spawn "box"] = 1 end,
}
