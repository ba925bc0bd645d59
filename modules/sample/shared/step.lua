-- How a lantern walks, and the places where one can play. Clients may run this very file: a Defold game predicts its own
-- lantern with it, so that walking never waits for the network.

local step = {}

step.WIDTH, step.HEIGHT = 960, 640 -- units; y goes up
step.WALK, step.SNEAK = 130, 62 -- units a second
step.GUST = 330

-- `wind` carries fireflies along, in units a second; `fireflies` fly at the same time.
step.places = {
  pond = { wind = { x = 0, y = 0 }, fireflies = 16 },
  hill = { wind = { x = 26, y = 8 }, fireflies = 20 },
  wood = { wind = { x = 0, y = -6 }, fireflies = 12 },
}
step.place_names = { "pond", "hill", "wood" }

function step.inside(thing)
  thing.x = math.min(math.max(thing.x, 16), step.WIDTH - 16)
  thing.y = math.min(math.max(thing.y, 16), step.HEIGHT - 16)
end

-- `lantern` has x, y and heading; `input` has mx, my and sneak.
function step.walk(lantern, input, dt)
  local mx, my = input.mx, input.my
  local length = math.sqrt(mx * mx + my * my)
  if length > 1 then mx, my = mx / length, my / length end
  local speed = input.sneak and step.SNEAK or step.WALK
  lantern.x, lantern.y = lantern.x + mx * speed * dt, lantern.y + my * speed * dt
  step.inside(lantern)
  if length > 0 then lantern.heading = math.atan2(my, mx) end
end

return step
