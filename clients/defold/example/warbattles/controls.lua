-- Keys, the mouse and touches as what the module calls inputs: mx and my of -1, 0 or 1, and presses of fire.

local controls = {}

local KEYS = { [hash("up")] = { 0, 1 }, [hash("down")] = { 0, -1 }, [hash("left")] = { -1, 0 }, [hash("right")] = { 1, 0 } }
local FIRE, TOUCH, MULTI = hash("fire"), hash("touch"), hash("multi")
-- Of the screen's width: touches further left steer, others fire.
local STEERING = 0.5
-- Pixels a thumb has to move, and the sine of an eighth of a turn's half: which of the eight ways it is.
local DEAD, DIAGONAL = 12, 0.38

local Controls = {}
Controls.__index = Controls

function controls.new(width)
  return setmetatable({ _held = {}, _thumb = nil, _x = 0, _y = 0, _fired = 0, _width = width, _multi = false }, Controls)
end

local function way(part)
  if part > DIAGONAL then return 1 end
  return part < -DIAGONAL and -1 or 0
end

function Controls:_touch(touch)
  if touch.pressed and touch.x < self._width * STEERING and not self._thumb then
    self._thumb = { id = touch.id, x = touch.x, y = touch.y }
  elseif touch.pressed then
    self._fired = self._fired + 1
  elseif self._thumb and self._thumb.id == touch.id then
    local dx, dy = touch.x - self._thumb.x, touch.y - self._thumb.y
    local length = math.sqrt(dx * dx + dy * dy)
    self._x = length > DEAD and way(dx / length) or 0
    self._y = length > DEAD and way(dy / length) or 0
    if touch.released then self._thumb, self._x, self._y = nil, 0, 0 end
  end
end

function Controls:on_input(action_id, action)
  if KEYS[action_id] then
    self._held[action_id] = not action.released
  elseif action_id == FIRE or (action_id == TOUCH and not self._multi) then
    -- A screen that tells all its fingers also tells the first as a mouse.
    if action.pressed then self._fired = self._fired + 1 end
  elseif action_id == MULTI then
    self._multi = true
    for _, touch in ipairs(action.touch) do self:_touch(touch) end
  end
end

-- mx, my, and how often fire was pressed since the last call.
function Controls:read()
  local mx, my = self._x, self._y
  for key, steps in pairs(KEYS) do
    if self._held[key] then mx, my = mx + steps[1], my + steps[2] end
  end
  local fired = self._fired
  self._fired = 0
  return math.max(-1, math.min(1, mx)), math.max(-1, math.min(1, my)), fired
end

return controls
