---@meta
-- The module API for the Lua language server: completion, arguments and types while one writes. docs/modules.md says how
-- an editor finds it; nothing of it is run.

---What may stand in a document or a message: numbers, strings, booleans, tables of them, entities, players.
---@alias Value number | string | boolean | table | Entity | Player | nil
---@alias Kind "player" | "spectator" | "screen"

---@class Field A kind of value that travels; made by `field`.

---@class FieldMakers
field = {}

---A number, sent in steps: `field.number(0, 100, 1/8)`.
---@param min number
---@param max number
---@param step? number 1 when left out
---@return Field
function field.number(min, max, step) end

---Radians; a turn has 1024 steps on the wire.
---@return Field
function field.angle() end

---True or false.
---@return Field
function field.flag() end

---One of these strings; the first is the default.
---@param names string[]
---@return Field
function field.choice(names) end

---Inputs only: how often it was pressed in this tick.
---@return Field
function field.press() end

---Marks a table as a list, so that it is sent as one while it is empty.
---@generic T : table
---@param items T
---@return T
function list(items) end

---@class EntityClass
---@field fields table<string, Field>
---@field moves? "linear" Sent once with its velocity, moved by both sides
---@field life? number Seconds until it ends by itself; linear classes only

---@class Velocity
---@field x number units a second
---@field y number units a second

---@class Entity
---@field id integer
---@field class string
---@field alive boolean False once it is gone; then nothing else may be read
---@field owner? Player
---@field velocity? Velocity Of linear classes
---@field [string] any Declared fields, and private ones of your own
local Entity = {}

---Ends it.
function Entity:despawn() end

---@class Ghost An entity as it stood on somebody's screen; nothing of it can be changed.
---@field entity Entity
---@field [string] any Its declared fields then

---@class Past
local Past = {}
---@param class string
---@return fun(): Ghost?
function Past:each(class) end
---@param class string
---@param x number
---@param y number
---@param distance number
---@return fun(): Ghost?
function Past:within(class, x, y, distance) end
---@param class string
---@param x number
---@param y number
---@param distance? number
---@return Ghost?, number?
function Past:nearest(class, x, y, distance) end

---@class Player
---@field id string The same for as long as the seat lasts
---@field name string
---@field kind Kind
---@field role string Your own word, at most 64 bytes; everybody sees it
---@field state table Everybody sees it
---@field secret table Only this player sees it
---@field memory table Nobody sees it; saved
---@field bot boolean
---@field connected boolean
local Player = {}

---Sends to this player alone.
---@param name string
---@param data? Value
function Player:send(name, data) end

---Ends the seat; the reason is shown.
---@param reason? string
function Player:kick(reason) end

---Is done with the phase; does nothing in one without `done`.
function Player:done() end

---@class Store
local Store = {}
---`game.answers[answer](room, value, …)` is called in a later tick.
---@param key string at most 200 bytes
---@param answer string
---@param ... Value
function Store:get(key, answer, ...) end
---@param key string
---@param value Value
function Store:set(key, value) end
---@param key string
function Store:delete(key) end

---@class Room
---@field name string
---@field tick integer Ticks since the room opened
---@field time number Seconds since the room opened
---@field dt number Seconds of one tick
---@field state table Everybody sees it
---@field memory table Nobody sees it; saved
---@field phase? string
---@field host? Player
---@field store Store
local Room = {}

---@param class string
---@param values? table Fields, `owner`, `velocity`, `life`, private fields
---@return Entity
function Room:spawn(class, values) end
---The living of a class, by ascending id.
---@param class string
---@return fun(): Entity?
function Room:each(class) end
---@param class string
---@param x number
---@param y number
---@param distance number
---@return fun(): Entity?
function Room:within(class, x, y, distance) end
---@param class string
---@param x number
---@param y number
---@param distance? number
---@return Entity?, number? distance
function Room:nearest(class, x, y, distance) end
---What stood on this player's screen when their newest input was made.
---@param player? Player
---@return Past
function Room:seen(player) end
---Calls `game.timers[name](room, …)` once.
---@param seconds number
---@param name string
---@param ... Value
---@return integer timer
function Room:after(seconds, name, ...) end
---@param timer integer
---@return boolean cancelled True if it had not fired
function Room:cancel(timer) end
---@param name string
---@param data? Value
function Room:broadcast(name, data) end
---Seats, in order of joining.
---@param kind? Kind
---@return fun(): Player?
function Room:players(kind) end
---@param id string
---@return Player?
function Room:player(id) end
---@param kind? Kind
---@return integer
function Room:count(kind) end
---Nobody new may enter.
function Room:lock() end
function Room:unlock() end
---Changes the phase at the end of this callback.
---@param phase string
function Room:go(phase) end
---A whole number from low to high; from 1 to `low` when `high` is left out; from 0 to 1 when both are.
---@param low? integer
---@param high? integer
---@return number
function Room:random(low, high) end
function Room:log(...) end
---Ends the room.
function Room:close() end

---@class Phase
---@field seconds? number
---@field next? string | fun(room: Room): string
---@field start? "host" | "all"
---@field min? integer
---@field done? string | fun(room: Room, player: Player): boolean "all", "host", a role, or a function
---@field by_client? boolean
---@field enter? fun(room: Room)
---@field leave? fun(room: Room)
---@field missed? fun(room: Room, player: Player)

---@class Game What main.lua returns: write `---@type Game` above `local game = {…}`.
---@field title? string
---@field tick_rate? integer
---@field seats? integer[] least, most
---@field bots? integer
---@field late? "play" | "spectate" | "next_round" | "take_over"
---@field empty_after? number seconds
---@field when_empty? "close" | "keep"
---@field saved? boolean
---@field entities? table<string, EntityClass>
---@field inputs? table<string, Field>
---@field phases? table<string, Phase>
---@field first_phase? string
---@field timers? table<string, fun(room: Room, ...)>
---@field messages? table<string, fun(room: Room, player: Player, data: any): any>
---@field answers? table<string, fun(room: Room, value: any, ...)>
---@field open? fun(room: Room)
---@field restored? fun(room: Room, why: "reload" | "checkpoint")
---@field enter? fun(room: Room, player: Player): boolean?, string?
---@field join? fun(room: Room, player: Player)
---@field drop? fun(room: Room, player: Player)
---@field back? fun(room: Room, player: Player)
---@field kind? fun(room: Room, player: Player)
---@field leave? fun(room: Room, player: Player, reason: string)
---@field input? fun(room: Room, player: Player, input: table<string, any>)
---@field tick? fun(room: Room)
---@field bot? fun(room: Room, player: Player): table<string, any>
