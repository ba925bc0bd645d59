-- Values whose __index never comes back.
-- expect: overrun

return {
  entities = { dart = { fields = { x = field.number(0, 1), y = field.number(0, 1) }, moves = "linear" } },
  tick = function(room) room:spawn("dart", setmetatable({}, { __index = function() while true do end end })) end,
}
