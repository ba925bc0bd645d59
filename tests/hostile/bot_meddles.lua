-- A bot that changes what it sees, by every way there is.
-- expect: error

return {
  bots = 2, inputs = { fire = field.press() },
  entities = { box = { fields = { x = field.number(0, 100) } } },
  open = function(room) room.memory.box = room:spawn("box", { x = 50 }) end,
  tick = function(room) assert(room.memory.box.x == 50 and room.state.won == nil, "a bot got through") end,
  bot = function(room, player)
    for box in room:each "box" do
      pcall(rawset, box, "x", 1) pcall(function() box.x = 2 end) pcall(setmetatable, box, nil)
      pcall(function() getmetatable(box).__index = nil end) pcall(function() box:despawn() end)
    end
    pcall(rawset, room, "tick", 9) pcall(rawset, player, "id", "9") pcall(function() room.state.won = true end)
    room.tick = 7
  end,
}
