-- How a soldier walks, and how fast all else is. The server runs it on each input, clients predict their own soldier
-- with the same file.

local step = {}

step.WIDTH, step.HEIGHT = 960, 720 -- the field, y up
step.SPEED = 90 -- units a second, in all eight directions
step.ROCKET_SPEED, step.SHELL_SPEED, step.TANK_SPEED = 200, 120, 40
step.RELOAD = 0.15 -- seconds between two rockets of a soldier
step.MARGIN = 8 -- soldiers stay this far from the edges

local function within(n, low, high) return math.min(math.max(n, low), high) end

-- `soldier` needs x, y, heading, moving; `input` needs mx and my, each -1, 0 or 1. Standing still keeps the heading.
function step.walk(soldier, input, dt)
  local mx, my = input.mx, input.my
  soldier.moving = mx ~= 0 or my ~= 0
  if not soldier.moving then return end
  local pace = step.SPEED * dt / math.sqrt(mx * mx + my * my)
  soldier.x = within(soldier.x + mx * pace, step.MARGIN, step.WIDTH - step.MARGIN)
  soldier.y = within(soldier.y + my * pace, step.MARGIN, step.HEIGHT - step.MARGIN)
  soldier.heading = math.atan2(my, mx)
end

-- The velocity of what flies along `heading`.
function step.toward(heading, speed) return { x = math.cos(heading) * speed, y = math.sin(heading) * speed } end

return step
