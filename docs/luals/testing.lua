---@meta
-- What test.lua is written in, for the Lua language server: write `---@param t Test` above a test. docs/modules-testing.md
-- explains it; nothing of it is run.

---@class Test
local Test = {}
---A new room of the module. Bots fill it as `game.bots` says, or up to `bots`; with `errors` script errors do not fail the test.
---@param options? { seed?: integer, name?: string, bots?: integer, errors?: boolean }
---@return TestRoom
function Test:room(options) end
---@generic T
---@param value T
---@param what? string
---@return T
function Test:ok(value, what) end
---Tables are compared by what is in them.
---@param got any
---@param expected any
---@param what? string
function Test:equal(got, expected, what) end
---@param got number
---@param expected number
---@param within? number 0.001 when left out
---@param what? string
function Test:near(got, expected, within, what) end
---That `f()` raises; answers the text.
---@param f fun()
---@param what? string
---@return string
function Test:fails(f, what) end
---Where `math.random` begins (else at 1); told beside the test's name.
---@param seed integer
function Test:seed(seed) end
---A file of the module whose calls are recorded: compared with, or by `--bless` written to, FILE.vectors.json.
---@param file string as for `require`: "shared.step"
---@return table<string, any>
function Test:vectors(file) end

---@class TestRoom
---@field state table A copy, as players see it
---@field tick integer
---@field time number seconds
---@field phase? string
---@field closed boolean
---@field memory_kb integer
local TestRoom = {}
---@param name string
---@param options? { kind?: Kind, bot?: boolean }
---@return TestPlayer
function TestRoom:join(name, options) end
---Why somebody is not let in; nil when they are, and then they are in.
---@param name string
---@param options? { kind?: Kind, bot?: boolean }
---@return string?
function TestRoom:refused(name, options) end
---@param seconds number
function TestRoom:run(seconds) end
---@param ticks? integer 1 when left out
function TestRoom:step(ticks) end
---A new VM with the same state, as when a file was saved.
function TestRoom:reload() end
---As players see them, in the order of their ids; `owner` is a player's id.
---@param class string
---@return table[]
function TestRoom:entities(class) end
---@return string[]
function TestRoom:errors() end
---@return string[]
function TestRoom:logged() end

---@class TestPlayer
---@field id string
---@field name string
---@field state table
---@field secret table
---@field role string
---@field kind Kind
---@field connected boolean
---@field here boolean False after they have left
local TestPlayer = {}
---Held from now on; what is not named is let go, presses are over after one tick.
---@param values table<string, any>
function TestPlayer:input(values) end
---`game.bot` plays from now on.
function TestPlayer:bot() end
---@param name string
---@param data? any
function TestPlayer:send(name, data) end
---@param name string
---@param data? any
---@return any
function TestPlayer:call(name, data) end
---All messages of that name so far, the oldest first; without a name `{ name = , data = }` of all.
---@param name? string
---@return table[]
function TestPlayer:received(name) end
function TestPlayer:drop() end
function TestPlayer:back() end
function TestPlayer:leave() end
