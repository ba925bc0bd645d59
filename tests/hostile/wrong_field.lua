-- Fields that would not fit a wire.
-- expect: refused at load

return { entities = { box = { fields = { x = field.number(-1e300, 1e300, 1e-300) } } } }
