-- TITLE: dots run after coins. Who touches a coin has a point, and another coin falls somewhere else.
--
-- One file returning one table. The engine sends what is declared here to everybody, lets people come late and come
-- back after a lost connection, and saves the room: there is nothing to write for any of that.

local step = require "shared.step"

local game = {
  title = "TITLE",
  tick_rate = 30, -- ticks a second: game.input and game.tick run once in each
  seats = { 1, 8 }, -- how many can play, from and to
  bots = 2, -- while somebody plays, game.bot fills the room up to two
}

-- Things in the world and what of them everybody sees: kind of field, range and step. Any other field of an entity is
-- your own and never leaves the server.
game.entities = {
  dot = { fields = { x = field.number(0, step.SIZE, 1/8), y = field.number(0, step.SIZE, 1/8) } },
  coin = { fields = { x = field.number(0, step.SIZE, 1), y = field.number(0, step.SIZE, 1) } },
}

-- What a player can do: two axes from -1 to 1. There is field.press() for buttons, and field.angle() for aiming.
game.inputs = { mx = field.number(-1, 1, 1/16), my = field.number(-1, 1, 1/16) }

local COINS = 5
local REACH = 14 -- how near a dot must come

-- Somewhere, but not at the very edge. room:random gives the same numbers again after a reload.
local function somewhere(room) return room:random(20, step.SIZE - 20) end
local function drop_coin(room) room:spawn("coin", { x = somewhere(room), y = somewhere(room) }) end

-- Coming and going ----------------------------------------------------------------------------------------------------

-- A new room. room.state is a table that everybody sees: change it, and the change is sent.
function game.open(room)
  room.state.score = {} -- player id -> points
  for _ = 1, COINS do drop_coin(room) end
end

-- player.memory and room.memory are saved with the room, and nobody sees them. (A `local` up here would be lost.)
-- Spectators come through here too: they watch, and have no dot.
function game.join(room, player)
  if player.kind ~= "player" then return end
  room.state.score[player.id] = 0
  player.memory.dot = room:spawn("dot", { x = somewhere(room), y = somewhere(room), owner = player })
end

function game.leave(room, player)
  if not player.memory.dot then return end
  player.memory.dot:despawn()
  room.state.score[player.id] = nil
end

-- Playing -------------------------------------------------------------------------------------------------------------

-- Once for each player and tick. What moves by input stands in shared/: a browser can run the very same file, and show
-- a player's own dot without waiting for the server.
function game.input(room, player, input)
  step.move(player.memory.dot, input, room.dt)
end

-- Once a tick, after all inputs.
function game.tick(room)
  for dot in room:each("dot") do
    local coin = room:nearest("coin", dot.x, dot.y, REACH)
    if coin then
      coin:despawn()
      local score = room.state.score
      score[dot.owner.id] = score[dot.owner.id] + 1
      room:broadcast("coin", { by = dot.owner }) -- an event: for a sound, say
      room:after(1.5, "coin")
    end
  end
end

-- room:after(seconds, name) calls these. Timers have names so that they can be saved, too.
game.timers = {}
function game.timers.coin(room) drop_coin(room) end

-- Messages from players, by name; any other is refused. Never trust what is in them.
game.messages = {}
function game.messages.chat(room, player, data)
  if type(data) ~= "table" or type(data.text) ~= "string" then return end
  room:broadcast("chat", { from = player, text = data.text:sub(1, 200) })
end

-- A player without a person: it sees what a person sees and answers with inputs. It fills seats, plays in
-- `airboat module check`, and loads a server in airboat-loadtest.
function game.bot(room, player)
  for dot in room:each("dot") do
    if dot.owner.id == player.id then
      local coin, far = room:nearest("coin", dot.x, dot.y)
      if coin then return { mx = (coin.x - dot.x) / far, my = (coin.y - dot.y) / far } end
    end
  end
  return {}
end

return game
