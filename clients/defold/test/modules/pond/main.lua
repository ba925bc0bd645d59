-- What the tests of the Defold client play besides the real modules: saved rooms, documents of every kind, messages of
-- every size.

local number, press = field.number, field.press

local game = { title = "Pond", tick_rate = 30, seats = { 1, 16 }, empty_after = 300 }

game.entities = {
  duck = { fields = { x = number(0, 1000, 1/8), y = number(0, 1000, 1/8), happy = field.flag(), mood = field.choice { "calm", "loud" } } },
  ripple = { fields = { x = number(0, 1000, 1/8), y = number(0, 1000, 1/8) }, moves = "linear", life = 0.5 },
}
game.inputs = { mx = number(-1, 1, 1/127), my = number(-1, 1, 1/127), quack = press() }

function game.open(room)
  room.state.said, room.state.list, room.state.deep = 0, list {}, { a = { b = { c = 1 } } }
end

function game.join(room, player)
  player.state.quacks = 0
  player.secret.colour = "colour of " .. player.id
  player.memory.duck = room:spawn("duck", { x = 500, y = 500, happy = true, mood = "calm", owner = player })
end

function game.leave(_, player)
  local duck = player.memory.duck
  if duck and duck.alive then duck:despawn() end
end

function game.input(room, player, input)
  local duck = player.memory.duck
  duck.x, duck.y = (duck.x + input.mx * 120 * room.dt) % 1000, (duck.y + input.my * 120 * room.dt) % 1000
  for _ = 1, input.quack do
    player.state.quacks = player.state.quacks + 1
    duck.mood = duck.mood == "calm" and "loud" or "calm"
    room:spawn("ripple", { x = duck.x, y = duck.y, velocity = { x = 60, y = 0 }, owner = player })
  end
end

game.messages = {}
function game.messages.chat(room, player, data)
  room.state.said = room.state.said + 1
  room.state.list[#room.state.list % 8 + 1] = data.text
  room:broadcast("chat", { from = player, text = data.text })
end
function game.messages.large(_, player, data) player:send("large", { text = ("x"):rep(data.size) }) end
function game.messages.flood(room, _, data)
  for n = 1, data.count do room:broadcast("flood", { n = n, text = ("x"):rep(data.size) }) end
end
function game.messages.many(_, player, data)
  for n = 1, data.count do player:send("many", { n = n }) end
end
function game.messages.echo(_, _, data) return data end

return game
