//! Documents: plain tables patched by path. An operation sets or deletes; an empty path replaces the whole.

use super::{CodecError, Key, Value, value::write_list};

/// `value: None` deletes what is at `path`.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    pub path: Vec<Key>,
    pub value: Option<Value>,
}

impl Operation {
    pub fn whole(value: Value) -> Self {
        Self { path: Vec::new(), value: Some(value) }
    }

    /// `[path, value]`, or `[path]` to delete.
    pub fn to_value(&self) -> Value {
        let key = |key: &Key| match key {
            Key::Index(i) => Value::Number(*i as f64),
            Key::Name(name) => Value::Text(name.clone()),
        };
        let mut list = vec![Value::List(self.path.iter().map(key).collect())];
        list.extend(self.value.clone());
        Value::List(list)
    }

    /// The same, as bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_list(out, if self.value.is_some() { 2 } else { 1 });
        write_list(out, self.path.len());
        self.path.iter().for_each(|key| key.encode(out));
        self.value.iter().for_each(|value| value.encode(out));
    }

    pub fn from_value(value: &Value) -> Result<Self, CodecError> {
        let (path, value) = match value.list() {
            Some([path]) => (path, None),
            Some([path, value]) => (path, Some(value.clone())),
            _ => return Err(CodecError::Shape),
        };
        let key = |v: &Value| match v {
            Value::Number(n) if n.fract() == 0.0 => Ok(Key::Index(*n as i64)),
            Value::Text(name) => Ok(Key::Name(name.clone())),
            _ => Err(CodecError::Shape),
        };
        let path = path.list().ok_or(CodecError::Shape)?.iter().map(key).collect::<Result<_, _>>()?;
        Ok(Self { path, value })
    }

    /// Carries the operation out. Tables on the way are made where they are missing; lists take `1..=n+1`.
    pub fn apply(&self, document: &mut Value) -> Result<(), CodecError> {
        let Some((last, parents)) = self.path.split_last() else {
            *document = self.value.clone().unwrap_or_default();
            return Ok(());
        };
        let mut at = document;
        for key in parents {
            at = child(at, key)?;
        }
        match (&self.value, at) {
            (Some(value), at) => *child(at, last)? = value.clone(),
            (None, Value::Map(map)) => drop(map.remove(last)),
            (None, Value::List(list)) => {
                // A list shrinks from its end only; the walk emits deletions in that order.
                if *last != Key::Index(list.len() as i64) {
                    return Err(CodecError::Range);
                }
                list.pop();
            }
            (None, _) => return Err(CodecError::Shape),
        }
        Ok(())
    }
}

fn child<'a>(at: &'a mut Value, key: &Key) -> Result<&'a mut Value, CodecError> {
    match at {
        Value::Map(map) => Ok(map.entry(key.clone()).or_default()),
        Value::List(list) => {
            let Key::Index(index) = key else { return Err(CodecError::Shape) };
            let index = usize::try_from(*index - 1).map_err(|_| CodecError::Range)?;
            if index == list.len() {
                list.push(Value::Nil);
            }
            list.get_mut(index).ok_or(CodecError::Range)
        }
        _ => Err(CodecError::Shape),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_round_trip_and_apply() {
        let mut document = Value::map([("score", Value::map([])), ("list", Value::List(vec![1.0.into()]))]);
        let set = Operation { path: vec!["score".into(), "1".into()], value: Some(5.0.into()) };
        let push = Operation { path: vec!["list".into(), Key::Index(2)], value: Some(2.0.into()) };
        let pop = Operation { path: vec!["list".into(), Key::Index(2)], value: None };
        for operation in [&set, &push] {
            assert_eq!(Operation::from_value(&operation.to_value()).as_ref(), Ok(operation));
            operation.apply(&mut document).unwrap();
        }
        assert_eq!(document.get("score").get("1"), &Value::Number(5.0));
        assert_eq!(document.get("list").list().unwrap().len(), 2);
        pop.apply(&mut document).unwrap();
        assert_eq!(pop.apply(&mut document), Err(CodecError::Range));
        let gone = Operation { path: vec!["score".into()], value: None };
        gone.apply(&mut document).unwrap();
        assert_eq!(document.get("score"), &Value::Nil);
    }
}
