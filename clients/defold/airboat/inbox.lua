-- Messages that wait for a script to fetch them, in its own `update` and so with its own `self`, `go` and `gui`.

local inbox = {}

local SIZE = 256

---@class airboat.InboxMessage
---@field name string
---@field data any The entity, for `"spawn tank"` and the like.
---@field tick integer

---@class airboat.Inbox
---@field dropped integer Messages that were lost because nobody fetched them: the oldest go first.
local Inbox = {}
Inbox.__index = Inbox

-- Of the library: see `room:inbox`.
function inbox.new(room, names)
  local self = setmetatable({ dropped = 0, _room = room, _names = {}, _ring = {}, _first = 1, _count = 0 }, Inbox)
  for _, name in ipairs(names) do
    self._names[name] = true
    local class = name:match("^spawn (.+)$")
    -- Those that are there already have come, too.
    for _, entity in pairs(class and room:entities(class) or {}) do self:_put(name, entity, room.tick) end
  end
  return self
end

function Inbox:_put(name, data, tick)
  if not self._names[name] then return end
  if self._count == SIZE then
    self._first = self._first % SIZE + 1
    self._count = self._count - 1
    self.dropped = self.dropped + 1
  end
  self._ring[(self._first + self._count - 1) % SIZE + 1] = { name = name, data = data, tick = tick }
  self._count = self._count + 1
end

---The oldest message, or nil.
---@return airboat.InboxMessage|nil
function Inbox:next()
  if self._count == 0 then return nil end
  local message = self._ring[self._first]
  self._ring[self._first] = false
  self._first = self._first % SIZE + 1
  self._count = self._count - 1
  return message
end

---All that wait: `for message in inbox:each() do … end`.
---@return fun(): airboat.InboxMessage|nil
function Inbox:each()
  return function() return self:next() end
end

---Nothing is collected any more.
function Inbox:close()
  local boxes = {}
  for _, box in ipairs(self._room._inboxes) do
    if box ~= self then boxes[#boxes + 1] = box end
  end
  self._room._inboxes = boxes
  self._names = {}
  self._count = 0
end

return inbox
