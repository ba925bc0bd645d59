-- A loop outside any callback.
-- expect: refused at load

while true do end
return {}
