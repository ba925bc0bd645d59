-- Gives an entity another metatable.
-- expect: error or overrun

return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  tick = function(room) setmetatable(room:spawn "box", { __index = function() while true do end end }) end,
}
