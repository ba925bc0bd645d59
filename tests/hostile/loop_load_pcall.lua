-- A loop outside any callback that swallows its stop.
-- expect: refused at load

for _ = 1, 1e9 do pcall(function() while true do end end) end
return {}
