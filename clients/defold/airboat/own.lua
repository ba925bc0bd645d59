-- Prediction of one's own entity in a room: what airboat/predict.lua needs to know stands in the room's schema.
--
--     local own = require("airboat.own").new(room, "tank", { step = step.drive })
--     own:view().x -- what to draw, where one would read tank.view.x

local predict = require "airboat.predict"

local own = {}

---@class airboat.OwnOptions
---@field step fun(state: table, input: table, dt: number) One tick, in place; called with parts of a tick too, to draw.
---@field fields string[]|nil The fields that `step` works on; all of the class's when left out.
---@field fresh table|nil Fields that the room keeps to itself, as they are in the beginning.
---@field smooth number|nil See `airboat.PredictOptions`.
---@field snap number|nil
---@field stepped fun(state: table, input: table, tick: integer)|nil Each tick's input once it is part of the prediction; not again when it is replayed.

---@class airboat.Own
---@field prediction airboat.Prediction The arithmetic and what it has seen; another one when the module's schema changes.
local Own = {}
Own.__index = Own

---Predicts one's own entity of a class.
---@param room airboat.Room
---@param class string
---@param options airboat.OwnOptions
---@return airboat.Own
function own.new(room, class, options)
  local self = setmetatable({ _room = room, _class = class, _options = options, _truth = {} }, Own)
  self._unfollow = room:_follow(self)
  return self
end

---What to draw now, or nil while one has no such entity. The same table each time.
---@return table|nil
function Own:view() return self.prediction:view(self._room._now() / 1000) end

---The entity's id while it is predicted.
---@return integer|nil
function Own:id() return self.prediction.state and self._id end

---Predicts no more.
function Own:stop()
  self._unfollow()
  self.prediction:forget()
end

-- What the room tells; times are milliseconds.

function Own:_declare(schema)
  local options, wanted = self._options, nil
  if options.fields then
    wanted = {}
    for _, name in ipairs(options.fields) do wanted[name] = true end
  end
  local quantum, angles, presses = {}, {}, {}
  self._schema, self._fields = schema, {}
  for _, class in ipairs(schema.classes) do
    for _, field in ipairs(class.name == self._class and class.fields or {}) do
      if not wanted or wanted[field.name] then
        table.insert(self._fields, field.name)
        if field.kind == "number" or field.kind == "angle" then quantum[field.name] = field.step end
        if field.kind == "angle" then table.insert(angles, field.name) end
      end
    end
  end
  for _, field in ipairs(schema.inputs) do
    if field.kind == "press" then table.insert(presses, field.name) end
  end
  self.prediction = predict.new {
    step = options.step, dt = 1 / schema.tick_rate, quantum = quantum, angles = angles, presses = presses,
    fresh = options.fresh, smooth = options.smooth, snap = options.snap,
  }
end

-- Told anew, and perhaps another version of the module.
function Own:_restart(applied)
  if self._room.schema ~= self._schema then self:_declare(self._room.schema) end
  self.prediction:restart(applied)
  self:_snapshot(self._room._now())
end

function Own:_hold(values, now) self.prediction:hold(values, now / 1000) end

function Own:_input(number, values, due)
  local prediction = self.prediction
  local refused = prediction.refused
  prediction:input(values, due / 1000, number)
  local stepped = self._options.stepped
  if not stepped or not prediction.state or prediction.refused ~= refused then return end
  local state = {}
  for name, value in pairs(prediction.state) do state[name] = value end
  stepped(state, values, self._room.tick + number - self._room.report.applied)
end

function Own:_snapshot(now)
  local entity, report = self._room:own(self._class), self._room.report
  if entity and entity.id ~= self._id then
    self._id = entity.id
    self.prediction:forget()
  end
  local truth
  if entity then
    truth = self._truth
    for _, name in ipairs(self._fields) do truth[name] = entity[name] end
  end
  self.prediction:ack(report.applied, truth, now / 1000, report)
end

return own
