-- airboat.list: what table lacks for lists of 1 to n: drawing, shuffling, looking for. Plain Lua 5.1: clients run it too.
-- `random` is a function(low, high) that returns a whole number; in a room leave it out (math.random is the room's own).
--
--   local lists = require "airboat.list"
--   lists.shuffle(deck)
--   local hand = lists.take(deck, 4)

local lists = {}
local remove, sort = table.remove, table.sort

-- In place. Returns the list.
function lists.shuffle(list, random)
  random = random or math.random
  for i = #list, 2, -1 do
    local j = random(1, i)
    list[i], list[j] = list[j], list[i]
  end
  return list
end

-- One of them, and where it stood; nil from an empty list.
function lists.pick(list, random)
  if #list == 0 then return nil end
  local at = (random or math.random)(1, #list)
  return list[at], at
end

-- The last `count` of them, taken away, as a new list; fewer when there are fewer.
function lists.take(list, count)
  local taken = {}
  while #taken < count and #list > 0 do taken[#taken + 1] = remove(list) end
  return taken
end

-- Where a value stands, or nil.
function lists.index_of(list, value)
  for i = 1, #list do
    if list[i] == value then return i end
  end
  return nil
end

function lists.contains(list, value) return lists.index_of(list, value) ~= nil end

-- Takes away the first that equals `value`. True when there was one.
function lists.remove_value(list, value)
  local at = lists.index_of(list, value)
  if at then remove(list, at) end
  return at ~= nil
end

-- A new list of change(value, index).
function lists.map(list, change)
  local made = {}
  for i = 1, #list do made[i] = change(list[i], i) end
  return made
end

-- A new list of those of which keep(value, index) is true.
function lists.filter(list, keep)
  local kept = {}
  for i = 1, #list do
    if keep(list[i], i) then kept[#kept + 1] = list[i] end
  end
  return kept
end

-- The one with the largest measure(value), and that measure; of equals the first. nil from an empty list.
function lists.best(list, measure)
  local best, most
  for i = 1, #list do
    local value = measure(list[i])
    if most == nil or value > most then best, most = list[i], value end
  end
  return best, most
end

function lists.sum(list, measure)
  local sum = 0
  for i = 1, #list do sum = sum + (measure and measure(list[i]) or list[i]) end
  return sum
end

-- A new list with the same elements.
function lists.copy(list)
  local copied = {}
  for i = 1, #list do copied[i] = list[i] end
  return copied
end

-- The keys of a map, ascending: `pairs` has no order that two machines share.
function lists.keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  sort(keys, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) < type(b)
  end)
  return keys
end

-- for key, value in lists.sorted_pairs(map) do
function lists.sorted_pairs(map)
  local keys, at = lists.keys(map), 0
  return function()
    at = at + 1
    return keys[at], map[keys[at]]
  end
end

return lists
