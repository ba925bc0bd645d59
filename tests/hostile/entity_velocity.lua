-- A velocity that is no velocity.
-- expect: error or overrun

return {
  entities = { dart = { fields = { x = field.number(-10, 10), y = field.number(-10, 10) }, moves = "linear", life = 1 } },
  tick = function(room)
    local dart = room:spawn("dart", { velocity = { x = 1e308, y = -1e308 } })
    dart.velocity = ({ 5, "v", { x = "a" }, { x = 0 / 0, y = 1 / 0 }, setmetatable({}, { __index = function() while true do end end }) })[room.tick % 5 + 1]
  end,
}
