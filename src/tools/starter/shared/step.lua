-- How a dot moves. Files in shared/ run on the server and in browsers: plain Lua, no room, no players.

local step = { SIZE = 400, SPEED = 140 } -- units, units a second

local function within(value) return math.max(0, math.min(step.SIZE, value)) end

-- Not faster on the diagonal: (1, 1) is shortened to length 1.
function step.move(dot, input, dt)
  local length = math.max(1, math.sqrt(input.mx ^ 2 + input.my ^ 2))
  dot.x = within(dot.x + input.mx / length * step.SPEED * dt)
  dot.y = within(dot.y + input.my / length * step.SPEED * dt)
end

return step
