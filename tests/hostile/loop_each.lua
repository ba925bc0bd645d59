-- Walks entities for ever.
-- expect: overrun

return {
  entities = { box = { fields = { x = field.number(0, 1), y = field.number(0, 1) } } },
  open = function(room) for _ = 1, 100 do room:spawn "box" end end,
  tick = function(room) while true do for _ in room:each "box" do end end end,
}
