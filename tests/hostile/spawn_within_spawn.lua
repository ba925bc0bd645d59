-- Reading the values of a spawn spawns more.
-- expect: error or overrun

return {
  entities = { dart = { fields = { x = field.number(0, 1), y = field.number(0, 1) }, moves = "linear" } },
  tick = function(room)
    local values = setmetatable({}, {})
    getmetatable(values).__index = function(_, key) if key == "velocity" then room:spawn("dart", values) end end
    room:spawn("dart", values)
  end,
}
