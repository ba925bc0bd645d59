-- How a tank moves. The server runs it on each input, clients predict their own tank with the same file.

local step = {}

step.SIZE = 1000 -- the arena is SIZE x SIZE
step.SPEED = 120 -- units a second at full stick
step.BULLET_SPEED = 400

-- `tank` needs x, y, heading, turret; `input` needs mx, my, aim.
function step.drive(tank, input, dt)
  local mx, my = input.mx, input.my
  local length = math.sqrt(mx * mx + my * my)
  if length > 1 then mx, my = mx / length, my / length end
  tank.x = math.min(math.max(tank.x + mx * step.SPEED * dt, 0), step.SIZE)
  tank.y = math.min(math.max(tank.y + my * step.SPEED * dt, 0), step.SIZE)
  if mx ~= 0 or my ~= 0 then tank.heading = math.atan2(my, mx) end
  tank.turret = input.aim
end

function step.muzzle(aim)
  return { x = math.cos(aim) * step.BULLET_SPEED, y = math.sin(aim) * step.BULLET_SPEED }
end

return step
