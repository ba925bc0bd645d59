-- The module's phases as phases.lua keeps them. The declaration was checked before; this VM ran the module anew, so nothing
-- is taken on trust.

local _, _, run = ...
local type, rawget, next, sort = type, rawget, next, table.sort
local phases, game = run.phases, run.game

local function of_type(value, wanted) return type(value) == wanted and value or nil end

local declared = rawget(game, "phases")

local function spec_of(from)
  local seconds, who, follows = rawget(from, "seconds"), rawget(from, "done"), rawget(from, "next")
  local known = type(follows) == "string" and type(declared[follows]) == "table"
  return {
    start = of_type(rawget(from, "start"), "string"), min = of_type(rawget(from, "min"), "number") or 1,
    seconds = type(seconds) == "number" and seconds > 0 and seconds or nil,
    next = of_type(follows, "function") or (known and follows) or nil,
    done = of_type(who, "function") or of_type(who, "string"), by_client = rawget(from, "by_client") == true,
    asks = type(who) == "function" or nil,
    enter = of_type(rawget(from, "enter"), "function"), leave = of_type(rawget(from, "leave"), "function"),
    missed = of_type(rawget(from, "missed"), "function"),
  }
end

local seats = rawget(game, "seats")
phases.late = of_type(rawget(game, "late"), "string") or "play"
phases.seats_most = of_type(type(seats) == "table" and rawget(seats, 2), "number") or 16
local specs, names = {}, {}
for name, from in next, declared do
  if type(name) == "string" and type(from) == "table" then
    specs[name], names[#names + 1] = spec_of(from), name
  end
end
sort(names)
local first = of_type(rawget(game, "first_phase"), "string") or "lobby"
phases.names = names
phases.first = specs[first] and first or names[1]
phases.specs = names[1] and specs or nil
